// implementation("com.google.android.gms:play-services-auth-api-phone:18.1.0")
class CodeActivity : AppCompatActivity() {
    private val receiver = object : BroadcastReceiver() {
        override fun onReceive(context: Context, intent: Intent) {
            val extras = intent.extras ?: return
            val status = extras.get(SmsRetriever.EXTRA_STATUS) as Status
            if (status.statusCode != CommonStatusCodes.SUCCESS) return
            val text = extras.getString(SmsRetriever.EXTRA_SMS_MESSAGE).orEmpty()
            Regex("[0-9]{6}").find(text)?.let { showCode(it.value) }
        }
    }

    override fun onStart() {
        super.onStart()
        ContextCompat.registerReceiver(
            this, receiver, IntentFilter(SmsRetriever.SMS_RETRIEVED_ACTION),
            SmsRetriever.SEND_PERMISSION, null, ContextCompat.RECEIVER_EXPORTED,
        )
        SmsRetriever.getClient(this).startSmsRetriever()
            .addOnSuccessListener { askOurServerForACode() }
    }

    override fun onStop() {
        unregisterReceiver(receiver)
        super.onStop()
    }
}
