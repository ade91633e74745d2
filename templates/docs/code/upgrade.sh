chinqit backup /var/lib/chinqit/before-NEW.db         # NEW: the version
git clone REPOSITORY /opt/chinqit-NEW
make -C /opt/chinqit-NEW install
ln -sfn /opt/chinqit-NEW /opt/chinqit                 # /opt/chinqit is a link to the version that runs
install -m 0755 /opt/chinqit/deploy/systemd/chinqit /usr/local/bin/chinqit
install -m 0644 /opt/chinqit/deploy/systemd/chinqit*.{service,socket,target,timer} /etc/systemd/system/
chinqit upgrade --check                               # changes nothing; says what speaks against it
chinqit upgrade                                       # the tables, while the old version serves
systemctl daemon-reload
systemctl try-restart 'chinqit-*.service'
