chinqit secrets import chinqit-secrets.json
chinqit restore chinqit-20261127T020000Z.db
