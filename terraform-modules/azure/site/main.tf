locals {
  # At most 32 characters, single hyphens, unique through the site's id.
  slug = trim(substr(replace(var.site_name, "/-+/", "-"), 0, 23), "-")
  # Ids begin with the time at which they were made, which sites of one minute share; their ends are random.
  digits = replace(var.site_id, "-", "")
  label  = "${local.slug}-${substr(local.digits, 24, 8)}"

  # Names of storage accounts are one space for all of Azure, at most 24 letters and digits.
  account_name = "${substr(replace(local.slug, "-", ""), 0, 12)}${substr(local.digits, 20, 12)}"

  zonal = !contains(local.regions_without_zones, var.region)
  zones = local.zonal ? ["1", "2", "3"] : []

  tags = merge(var.tags, {
    site_id     = var.site_id
    customer_id = var.customer_id
    managed_by  = "siteplane"
  })

  database_has_others = var.database == null ? false : var.database.high_availability || var.database.read_replica
  database_type       = local.database_has_others && startswith(local.size.database, "B_") ? local.database_with_others : local.size.database
  storage_gb          = var.database == null ? 0 : min([for step in local.storage_steps : step if step >= var.database.storage_gb]...)
  backup_days         = var.database == null ? 0 : max(var.database.backup_days, local.backup_days_least)
}

resource "azurerm_resource_group" "this" {
  name     = local.label
  location = var.region
  tags     = local.tags
}

# Who the application is: the bucket lets it in, without a key.
resource "azurerm_user_assigned_identity" "application" {
  name                = "${local.label}-application"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = local.tags
}

module "networking" {
  source = "../networking"

  name                = local.label
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  network_cidr        = var.network_cidr
  port                = var.application.port
  gateway             = var.certificate != null
  zones               = local.zones
  tags                = local.tags
}

module "database" {
  source = "../database"
  count  = var.database == null ? 0 : 1

  name                = local.label
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  network_id          = module.networking.network_id
  subnet_id           = module.networking.database_subnet_id
  server_type         = local.database_type
  engine_version      = var.database.engine_version
  storage_gb          = local.storage_gb
  backup_days         = local.backup_days
  standby             = var.database.high_availability ? (local.zonal ? "ZoneRedundant" : "SameZone") : null
  read_replica        = var.database.read_replica
  password            = var.database_password
  deletion_protection = var.deletion_protection
  tags                = local.tags
}

module "storage" {
  source = "../storage"
  count  = var.storage == null ? 0 : 1

  account_name        = local.account_name
  container_name      = local.slug
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  replication         = local.zonal ? "ZRS" : "LRS"
  versioning          = var.storage.versioning
  principal_id        = azurerm_user_assigned_identity.application.principal_id
  deletion_protection = var.deletion_protection
  tags                = local.tags
}

locals {
  database_url_head = var.database == null ? null : "postgres://${module.database[0].user}:${urlencode(var.database_password)}@"
  database_url_tail = var.database == null ? null : ":${module.database[0].port}/${module.database[0].name}?sslmode=require"

  database_env = var.database == null ? {} : merge(
    {
      PGHOST       = module.database[0].host
      PGPORT       = tostring(module.database[0].port)
      PGDATABASE   = module.database[0].name
      PGUSER       = module.database[0].user
      PGPASSWORD   = var.database_password
      PGSSLMODE    = "require"
      DATABASE_URL = "${local.database_url_head}${module.database[0].host}${local.database_url_tail}"
    },
    var.database.read_replica ? {
      DATABASE_REPLICA_URL = "${local.database_url_head}${module.database[0].replica_host}${local.database_url_tail}"
    } : {},
  )

  # No keys: the instances' identity has the container.
  storage_env = var.storage == null ? {} : {
    AZURE_STORAGE_ACCOUNT   = module.storage[0].account_name
    AZURE_STORAGE_CONTAINER = module.storage[0].bucket_name
    AZURE_CLIENT_ID         = azurerm_user_assigned_identity.application.client_id
  }
}

module "cloud_init" {
  source = "../../cloud-init"

  site_name = var.site_name
  image     = var.application.image
  port      = var.application.port
  command   = var.application.command
  env       = merge(local.storage_env, var.application.env)
  # env beats what the site itself gives, so what env names is left out of the database's values.
  secrets = merge(
    { for key, value in local.database_env : key => value if !contains(keys(var.application.env), key) },
    var.application.secrets,
  )
  registry = var.application.registry
}

module "compute" {
  source = "../compute"

  name                = local.label
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  zones               = local.zones
  subnet_id           = module.networking.application_subnet_id
  gateway_subnet_id   = module.networking.gateway_subnet_id
  instance_type       = local.size.instance
  scaling             = var.scaling
  port                = var.application.port
  health_path         = var.application.health_path
  certificate         = var.certificate
  domain              = var.domain
  identity_id         = azurerm_user_assigned_identity.application.id
  user_data           = module.cloud_init.user_data
  tags                = local.tags
}
