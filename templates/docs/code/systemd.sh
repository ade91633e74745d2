apt install git make python3-venv postgresql redis-server nginx
useradd --system --home-dir /var/lib/chinqit --shell /usr/sbin/nologin chinqit
install -d -m 0700 -o chinqit -g chinqit /var/lib/chinqit
install -d -m 0750 -g chinqit /etc/chinqit
cd /var/lib/postgresql
runuser -u postgres -- createuser chinqit
runuser -u postgres -- createdb --owner=chinqit chinqit

git clone REPOSITORY /opt/chinqit-VERSION             # the address of the repository, and the version
make -C /opt/chinqit-VERSION install
ln -s /opt/chinqit-VERSION /opt/chinqit               # a link to the version that runs

install -m 0640 -g chinqit /opt/chinqit/deploy/systemd/chinqit.env /etc/chinqit/chinqit.env   # then edit it
install -m 0755 /opt/chinqit/deploy/systemd/chinqit /usr/local/bin/chinqit
install -m 0644 /opt/chinqit/deploy/systemd/chinqit*.{service,socket,target,timer} /etc/systemd/system/

chinqit init                                          # makes the secrets and the tables
systemctl daemon-reload
systemctl enable --now chinqit.target chinqit-backup.timer
chinqit doctor
chinqit setup-link
