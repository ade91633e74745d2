chinqit providers kinds smpp                   # every field, and what it means
chinqit providers add smpp mauritel \
    --label "Mauritel, SMPP" host=10.1.2.3 port=2775 system_id=gw \
    password=@/run/secrets/smpp sender=Boutique rate=50 binds=2
chinqit providers test mauritel 22200000
chinqit providers set mauritel rate=100        # all other settings stay
