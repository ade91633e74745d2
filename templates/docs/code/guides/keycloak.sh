cp netzbegruenung.keycloak-2fa-sms-authenticator.jar /opt/keycloak/providers/
/opt/keycloak/bin/kc.sh build
/opt/keycloak/bin/kcadm.sh config credentials --server https://login.example.mr --realm master --user admin
/opt/keycloak/bin/kcadm.sh get authentication/flows/browser/executions -r REALM --fields id,displayName
/opt/keycloak/bin/kcadm.sh create authentication/executions/ID/config -r REALM -f sms-2fa.json
