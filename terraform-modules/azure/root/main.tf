# Credentials come from the environment, so that they are neither in a plan nor in a state.
provider "azurerm" {
  # The account's shared keys are off: objects are asked for with the same identity as all else.
  storage_use_azuread = true

  features {
    resource_group {
      # What somebody put there by hand goes with the site only where nothing is protected.
      prevent_deletion_if_contains_resources = var.deletion_protection
    }
  }
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
