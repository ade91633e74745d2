echo "POSTGRES_PASSWORD=$(openssl rand -hex 24)" > deploy/.env
docker compose -f deploy/compose.yaml up --build --detach
docker compose -f deploy/compose.yaml exec web chinqit setup-link
