import java.security.MessageDigest
import java.util.Base64
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec
import kotlin.math.abs

// `headers` with names in lower case; `body` as it came.
fun isGenuine(secret: String, headers: Map<String, String>, body: ByteArray, tolerance: Long = 300): Boolean {
    val sent = headers["webhook-timestamp"]?.toLongOrNull() ?: return false
    if (abs(System.currentTimeMillis() / 1000 - sent) > tolerance) return false
    val mac = Mac.getInstance("HmacSHA256")
    mac.init(SecretKeySpec(Base64.getDecoder().decode(secret.removePrefix("whsec_")), "HmacSHA256"))
    mac.update("${headers["webhook-id"]}.$sent.".toByteArray())
    val right = "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))
    return headers["webhook-signature"].orEmpty().split(" ")
        .any { MessageDigest.isEqual(it.toByteArray(), right.toByteArray()) }
}
