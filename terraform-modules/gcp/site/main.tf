locals {
  # At most 32 characters, single hyphens, unique through the site's id.
  slug = trim(substr(replace(var.site_name, "/-+/", "-"), 0, 23), "-")
  # Ids begin with the time at which they were made, which sites of one minute share; their ends are random.
  digits = replace(var.site_id, "-", "")
  label  = "${local.slug}-${substr(local.digits, 24, 8)}"

  labels = merge(var.tags, {
    site_id     = var.site_id
    customer_id = var.customer_id
    managed_by  = "siteplane"
  })

  # Service accounts have 30 characters.
  service_account_id = "${trim(substr(local.slug, 0, 21), "-")}-${substr(local.digits, 24, 8)}"

  # Bucket names are one space for all of Google Cloud, so more of the id is in them; Google keeps its own name for
  # itself.
  bucket_slug = can(regex("^goog|g[o0][o0]g[l1]e", local.slug)) ? "site" : local.slug
  bucket_name = "${local.bucket_slug}-${substr(local.digits, 20, 12)}"
}

module "networking" {
  source = "../networking"

  name             = local.label
  region           = var.region
  network_cidr     = var.network_cidr
  private_services = var.database != null
  instance_tag     = local.label
  port             = var.application.port
  labels           = local.labels
}

module "database" {
  source = "../database"
  count  = var.database == null ? 0 : 1

  name                = local.label
  region              = var.region
  tier                = local.size.database
  storage_gb          = var.database.storage_gb
  high_availability   = var.database.high_availability
  backup_days         = var.database.backup_days
  engine_version      = var.database.engine_version
  read_replica        = var.database.read_replica
  password            = var.database_password
  network_id          = module.networking.services_network_id
  services_range_name = module.networking.services_range_name
  deletion_protection = var.deletion_protection
  labels              = local.labels
}

module "storage" {
  source = "../storage"
  count  = var.storage == null ? 0 : 1

  bucket_name         = local.bucket_name
  region              = var.region
  versioning          = var.storage.versioning
  deletion_protection = var.deletion_protection
  labels              = local.labels
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

  # No keys: the instances' service account has the bucket.
  storage_env = var.storage == null ? {} : {
    GCS_BUCKET = module.storage[0].bucket_name
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

  name               = local.label
  service_account_id = local.service_account_id
  region             = var.region
  machine_type       = local.size.instance
  scaling            = var.scaling
  subnetwork_id      = module.networking.instance_subnetwork_id
  instance_tag       = local.label
  port               = var.application.port
  health_path        = var.application.health_path
  certificate        = var.certificate
  bucket_access      = var.storage != null
  bucket_name        = one(module.storage[*].bucket_name)
  user_data          = module.cloud_init.user_data
  labels             = local.labels
}
