chinqit secrets export chinqit-secrets.json           # once; asks for a passphrase
chinqit backup /var/backups/chinqit/ --keep 14        # every night
