# The smallest useful site. TF_VAR_database_password holds the password.
site_id     = "2f1c8a90-6a0e-4d0f-9b61-0d6a4f2f7b11"
site_name   = "shop"
customer_id = "7d0e2b34-1f57-4a0c-8a55-3b1c9f6e2d22"
region      = "eastus"
size        = "small"

application = {
  image       = "nginx:1.29"
  port        = 8080
  env         = { GREETING = "hello" }
  health_path = "/"
  command     = null
}

scaling = { min = 1, max = 1 }

database = {
  storage_gb        = 20
  high_availability = false
  backup_days       = 7
  engine_version    = 16
  read_replica      = false
}

storage = { versioning = true }

deletion_protection = false
