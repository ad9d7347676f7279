locals {
  # At most 29 characters, which leaves three for the number of a node; single hyphens, unique through the site's id.
  slug = trim(substr(replace(var.site_name, "/-+/", "-"), 0, 20), "-")
  # Ids begin with the time at which they were made, which sites of one minute share; their ends are random.
  digits = replace(var.site_id, "-", "")
  label  = "${local.slug}-${substr(local.digits, 24, 8)}"

  # A tag is one word here: key:value.
  tags = concat(
    ["site_id:${var.site_id}", "customer_id:${var.customer_id}", "managed_by:siteplane"],
    [for key, value in var.tags : "${key}:${value}"],
  )

  # Bucket names are one space for all customers of a region, so more of the id is in them.
  bucket_name = "${local.slug}-${substr(local.digits, 20, 12)}"
}

module "networking" {
  source = "../networking"

  name         = local.label
  region       = var.region
  network_cidr = var.network_cidr
  port         = var.application.port
  description  = "site_id:${var.site_id}"
  tags         = local.tags
}

module "database" {
  source = "../database"
  count  = var.database == null ? 0 : 1

  name           = local.label
  region         = var.region
  type           = local.size.database
  nodes          = var.database.high_availability || var.database.read_replica ? 3 : 1
  engine_version = var.database.engine_version
  network_id     = module.networking.network_id
  subnet_id      = module.networking.subnet_id
  network_cidr   = var.network_cidr
}

module "storage" {
  source = "../storage"
  count  = var.storage == null ? 0 : 1

  bucket_name = local.bucket_name
  region      = var.region
  versioning  = var.storage.versioning
}

locals {
  database_url_head = var.database == null ? null : "postgres://${module.database[0].user}:${urlencode(module.database[0].password)}@"
  database_url_tail = var.database == null ? null : ":${module.database[0].port}/${module.database[0].name}?sslmode=require"

  database_env = var.database == null ? {} : merge(
    {
      PGHOST       = module.database[0].host
      PGPORT       = tostring(module.database[0].port)
      PGDATABASE   = module.database[0].name
      PGUSER       = module.database[0].user
      PGPASSWORD   = module.database[0].password
      PGSSLMODE    = "require"
      DATABASE_URL = "${local.database_url_head}${module.database[0].host}${local.database_url_tail}"
    },
    var.database.read_replica ? {
      DATABASE_REPLICA_URL = "${local.database_url_head}${module.database[0].standby_host}${local.database_url_tail}"
    } : {},
  )

  storage_env = var.storage == null ? {} : {
    S3_BUCKET         = module.storage[0].bucket_name
    S3_ENDPOINT       = module.storage[0].service_endpoint
    S3_REGION         = var.region
    AWS_ACCESS_KEY_ID = module.storage[0].access_key
  }
  storage_secrets = var.storage == null ? {} : {
    AWS_SECRET_ACCESS_KEY = module.storage[0].secret_key
  }
}

module "cloud_init" {
  source = "../../cloud-init"

  site_name = var.site_name
  image     = var.application.image
  port      = var.application.port
  command   = var.application.command
  env       = merge(local.storage_env, var.application.env)
  # env beats what the site itself gives, so what env names is left out of these.
  secrets = merge(
    { for key, value in merge(local.database_env, local.storage_secrets) : key => value if !contains(keys(var.application.env), key) },
    var.application.secrets,
  )
  registry = var.application.registry
}

module "compute" {
  source = "../compute"

  name                = local.label
  region              = var.region
  instance_type       = local.size.instance
  instances           = var.scaling.min
  subnet_id           = module.networking.subnet_id
  firewall_id         = module.networking.firewall_id
  port                = var.application.port
  health_path         = var.application.health_path
  https               = var.certificate != null
  certificate_pem     = var.provider_options.certificate_pem
  certificate_key_pem = var.provider_options.certificate_key_pem
  user_data           = module.cloud_init.user_data
  tags                = local.tags
}
