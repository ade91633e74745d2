# SECRET, ID, TIMESTAMP and SIGNATURE from the settings and the headers; the body, as it came, in body.json.
# For a look by hand: a server should use one of the other languages.
KEY=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
RIGHT=v1,$( { printf '%s.%s.' "$ID" "$TIMESTAMP"; cat body.json; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64)
AGE=$(( $(date +%s) - TIMESTAMP ))
case "$(( ${AGE#-} <= 300 )) $SIGNATURE " in 1*" $RIGHT "*) echo genuine ;; *) echo forged ;; esac
