# under systemd: on a new machine, installed as above, in place of `chinqit init`
install -o chinqit -g chinqit -m 0600 chinqit-secrets.json chinqit-20261127T020000Z.db /var/lib/chinqit/
chinqit secrets import chinqit-secrets.json
chinqit restore chinqit-20261127T020000Z.db
