git clone REPOSITORY chinqit && cd chinqit            # the address of the repository
WEB_WORKERS=1 SMS_WORKERS=1 make run                  # under any service manager, as a user of its own
