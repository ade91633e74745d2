import 'dart:io';
import 'chinqit.dart';

/// The status for a call to your webhook; the body as it came.
int answer(Map<String, String> headers, List<int> body) {
  try {
    final event = verifyWebhook([Platform.environment['CHINQIT_WEBHOOK_SECRET']!], headers, body);
    print(event['type']);
    return 204;
  } on ChinqitError {
    return 400;
  }
}
