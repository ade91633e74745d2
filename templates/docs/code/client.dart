import 'dart:io';
import 'chinqit.dart';

Future<void> main() async {
  final gateway = Chinqit('https://sms.example.mr', Platform.environment['CHINQIT_KEY']!);
  try {
    final sent = await gateway.sendOtp(phoneNumber: '+22238089336', language: 'fr');
    print('${sent.messageId} ${sent.expiresIn}');
    await gateway.verifyOtp('123456', phoneNumber: '+22238089336');
  } on ChinqitError catch (error) {
    print('${error.code} ${error.retriesLeft} ${error.retryAfter}');
  }
  gateway.close();
}
