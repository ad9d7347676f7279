# The token comes from the environment, so that it is neither in a plan nor in a state. Keys to the buckets are made for
# a run and go with it.
provider "linode" {
  obj_use_temp_keys       = true
  obj_bucket_force_delete = !var.deletion_protection
}

module "site" {
  source = "../site"

  site_id      = var.site_id
  site_name    = var.site_name
  customer_id  = var.customer_id
  region       = var.region
  size         = var.size
  network_cidr = var.network_cidr

  # Only secrets and registry are marked as sensitive in what comes out, so the rest shows in plans.
  application = merge(var.application, {
    secrets  = var.application_secrets
    registry = var.registry
  })

  domain              = var.domain
  certificate         = var.certificate
  scaling             = var.scaling
  database            = var.database
  database_password   = var.database_password
  storage             = var.storage
  deletion_protection = var.deletion_protection
  tags                = var.tags
  provider_options    = var.provider_options
}
