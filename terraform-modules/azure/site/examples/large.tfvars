# A site with everything. TF_VAR_database_password holds the password, TF_VAR_application_secrets and
# TF_VAR_registry what else nobody should see.
site_id      = "9c44f0de-52b7-4f5b-8c06-6a9e1d3c4b33"
site_name    = "catalogue"
customer_id  = "7d0e2b34-1f57-4a0c-8a55-3b1c9f6e2d22"
region       = "westeurope"
size         = "large"
network_cidr = "10.60.0.0/20"

application = {
  image       = "ghcr.io/acme/catalogue:2.7.0"
  port        = 9000
  env         = { LOG_LEVEL = "info" }
  health_path = "/health"
  command     = "serve --workers 4"
}

domain      = "catalogue.example.com"
certificate = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/acme/secrets/shop"

scaling = { min = 3, max = 12 }

database = {
  storage_gb        = 200
  high_availability = true
  backup_days       = 35
  engine_version    = 17
  read_replica      = true
}

storage = { versioning = true }

deletion_protection = false # with it, the test could not take the site away again

tags = { team = "catalogue", cost-centre = "4711" }
