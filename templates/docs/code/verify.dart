import 'dart:convert';

import 'package:crypto/crypto.dart';

// `headers` with names in lower case; `body` as it came.
bool isGenuine(String secret, Map<String, String> headers, List<int> body, [int tolerance = 300]) {
  final sent = int.tryParse(headers['webhook-timestamp'] ?? '') ?? 0;
  final now = DateTime.now().millisecondsSinceEpoch ~/ 1000;
  if ((now - sent).abs() > tolerance) return false;
  final key = base64.decode(secret.replaceFirst('whsec_', ''));
  final signed = [...utf8.encode('${headers['webhook-id']}.$sent.'), ...body];
  final right = Hmac(sha256, key).convert(signed);
  return (headers['webhook-signature'] ?? '').split(' ').any((one) {
    if (!one.startsWith('v1,')) return false;
    try {
      return Digest(base64.decode(one.substring(3))) == right; // compared in constant time
    } on FormatException {
      return false;
    }
  });
}
