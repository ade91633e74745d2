// bin/server.dart, beside chinqit.dart; it holds the key, the app does not.
import 'dart:async';
import 'dart:convert';
import 'dart:io';
import 'dart:math';

import 'chinqit.dart';

final gateway = Chinqit('https://sms.example.mr', Platform.environment['CHINQIT_KEY']!);
final sessions = <String, String>{}; // by token; keep them in your database
final random = Random.secure();

Future<void> main() async {
  final server = await HttpServer.bind(InternetAddress.loopbackIPv4, 8080);
  await for (final request in server) {
    unawaited(answer(request));
  }
}

Future<void> answer(HttpRequest request) async {
  final response = request.response;
  response.headers.contentType = ContentType.json;
  try {
    final given = jsonDecode(await utf8.decodeStream(request)) as Map<String, dynamic>;
    response.write(jsonEncode(await act(request.uri.path, given)));
  } on ChinqitError catch (error) {
    final isForUser = const [400, 404, 429].contains(error.status);
    response.statusCode = isForUser ? error.status : 503;
    response.write(jsonEncode({
      'code': isForUser ? error.code : 'try_later',
      'retriesLeft': error.retriesLeft,
      'retryAfter': error.retryAfter,
    }));
    if (!isForUser) stderr.writeln(error);
  } on Object {
    response.statusCode = 400;
  }
  await response.close();
}

Future<Map<String, Object>> act(String path, Map<String, dynamic> given) async {
  final phone = given['phone'] as String;
  if (path == '/code') {
    await gateway.sendOtp(phoneNumber: phone, language: 'fr', hash: given['hash'] as String?);
    return {'sent': true};
  }
  if (path != '/sign-in') throw FormatException(path);
  await gateway.verifyOtp(given['code'] as String, phoneNumber: phone);
  final token = base64Url.encode(List.generate(32, (_) => random.nextInt(256)));
  sessions[token] = '+222${phone.substring(phone.length - 8)}';
  return {'token': token};
}
