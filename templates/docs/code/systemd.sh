apt install git make python3-venv postgresql redis-server nginx
useradd --system --home-dir /var/lib/chinqit --shell /usr/sbin/nologin chinqit
runuser -u postgres -- createuser chinqit
runuser -u postgres -- createdb --owner=chinqit chinqit

git clone REPOSITORY /opt/chinqit                     # the address of the repository
make -C /opt/chinqit install

install -d -m 0750 -g chinqit /etc/chinqit /etc/chinqit/secrets
for name in secret_key otp_secret data_secret; do
  (umask 027; openssl rand -base64 36 > "/etc/chinqit/secrets/$name")
  chgrp chinqit "/etc/chinqit/secrets/$name"
done
install -m 0640 -g chinqit /opt/chinqit/deploy/systemd/chinqit.env /etc/chinqit/chinqit.env   # then edit it
install -m 0755 /opt/chinqit/deploy/systemd/chinqit /usr/local/bin/chinqit
install -m 0644 /opt/chinqit/deploy/systemd/chinqit*.{service,socket,target,timer} /etc/systemd/system/

chinqit migrate
systemctl daemon-reload
systemctl enable --now chinqit.target chinqit-backup.timer
chinqit doctor
chinqit setup-link
