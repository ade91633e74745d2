chinqit secrets export chinqit-secrets.json           # once; asks for a passphrase; keep it apart from the backups
mkdir -p backups && chinqit backup backups --keep 14  # every night; under systemd the timer does it
