import 'dart:io';
import 'chinqit.dart';

Future<void> main() async {
  final gateway = Chinqit('https://sms.example.mr', Platform.environment['CHINQIT_KEY']!);
  try {
    final sent = await gateway.sendOtp('+22238089336', language: 'fr');
    print('${sent.messageId} ${sent.expiresIn}');
    await gateway.verifyOtp('+22238089336', '123456');
  } on ChinqitError catch (error) {
    print('${error.code} ${error.retriesLeft} ${error.retryAfter}');
  }
  gateway.close();
}
