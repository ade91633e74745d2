chinqit alerts add email oncall@example.org --language fr --quiet 22:00-06:30 --repeat 60
chinqit alerts add webhook https://example.org/alerts --severity grave
chinqit alerts add service tgram://BOT_TOKEN/CHAT_ID
chinqit alerts add sms 38089336 --severity grave       # by a carrier that the alert is not about
chinqit alerts test 1
