// lib/sign_in.dart
import 'dart:convert';
import 'dart:io';

import 'package:flutter/material.dart';
import 'package:http/http.dart' as http;
import 'package:smart_auth/smart_auth.dart';

const server = 'https://shop.example.mr'; // yours

Future<Map<String, dynamic>> call(String path, Map<String, String?> body) async {
  final answer = await http.post(
    Uri.parse('$server$path'),
    headers: {'Content-Type': 'application/json'},
    body: jsonEncode(body),
  ).timeout(const Duration(seconds: 30));
  return {...jsonDecode(answer.body) as Map<String, dynamic>, 'ok': answer.statusCode == 200};
}

class SignIn extends StatefulWidget {
  const SignIn({super.key, required this.onToken});

  final void Function(String token) onToken;

  @override
  State<SignIn> createState() => _SignInState();
}

class _SignInState extends State<SignIn> {
  final phone = TextEditingController();
  final code = TextEditingController();
  bool isSent = false;
  String trouble = '';

  Future<void> send() async {
    final hash = Platform.isAndroid ? (await SmartAuth.instance.getAppSignature()).data : null;
    if (Platform.isAndroid) listen(); // before the text can arrive
    final answer = await call('/code', {'phone': phone.text.trim(), 'hash': hash});
    if (!mounted) return;
    setState(() {
      isSent = answer['ok'] == true;
      trouble = isSent ? '' : '${answer['code']}';
    });
  }

  Future<void> listen() async {
    final text = await SmartAuth.instance.getSmsWithRetrieverApi();
    final read = text.hasData ? text.requireData.code : null;
    if (read != null && mounted) {
      code.text = read;
      await verify();
    }
  }

  Future<void> verify() async {
    final answer = await call('/sign-in', {'phone': phone.text.trim(), 'code': code.text.trim()});
    if (!mounted) return;
    if (answer['ok'] == true) return widget.onToken(answer['token'] as String);
    setState(() => trouble = '${answer['code']} ${answer['retriesLeft'] ?? ''}');
  }

  @override
  void dispose() {
    SmartAuth.instance.removeSmsRetrieverApiListener();
    phone.dispose();
    code.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) {
    return Column(children: [
      TextField(controller: phone, enabled: !isSent, keyboardType: TextInputType.phone),
      if (isSent)
        TextField(
          controller: code,
          keyboardType: TextInputType.number,
          textDirection: TextDirection.ltr,
          autofillHints: const [AutofillHints.oneTimeCode], // iPhones offer the code above the keyboard
        ),
      if (trouble.isNotEmpty) Text(trouble),
      FilledButton(onPressed: isSent ? verify : send, child: Text(isSent ? 'OK' : 'SMS')),
    ]);
  }
}
