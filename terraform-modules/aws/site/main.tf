locals {
  # At most 32 characters (a balancer's name has no more), single hyphens, unique through the site's id.
  slug = trim(substr(replace(var.site_name, "/-+/", "-"), 0, 23), "-")
  # Ids begin with the time at which they were made, which sites of one minute share; their ends are random.
  digits = replace(var.site_id, "-", "")
  label  = "${local.slug}-${substr(local.digits, 24, 8)}"

  tags = merge(var.tags, {
    site_id     = var.site_id
    customer_id = var.customer_id
    managed_by  = "siteplane"
  })

  # Bucket names are one space for all of AWS, so more of the id is in them.
  bucket_name = "${local.slug}-${substr(local.digits, 20, 12)}"
}

module "networking" {
  source = "../networking"

  name         = local.label
  region       = var.region
  network_cidr = var.network_cidr
  nat_per_zone = var.scaling.min > 1
  port         = var.application.port
  https        = var.certificate != null
  tags         = local.tags
}

module "database" {
  source = "../database"
  count  = var.database == null ? 0 : 1

  name                = local.label
  instance_class      = local.size.database
  storage_gb          = var.database.storage_gb
  high_availability   = var.database.high_availability
  backup_days         = var.database.backup_days
  engine_version      = var.database.engine_version
  read_replica        = var.database.read_replica
  password            = var.database_password
  subnet_ids          = module.networking.private_subnet_ids
  security_group_id   = module.networking.database_security_group_id
  deletion_protection = var.deletion_protection
  tags                = local.tags
}

module "storage" {
  source = "../storage"
  count  = var.storage == null ? 0 : 1

  bucket_name         = local.bucket_name
  versioning          = var.storage.versioning
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

  # No keys: the instances' role has the bucket.
  storage_env = var.storage == null ? {} : {
    S3_BUCKET   = module.storage[0].bucket_name
    S3_ENDPOINT = module.storage[0].service_endpoint
    S3_REGION   = var.region
    AWS_REGION  = var.region
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

  name                       = local.label
  instance_type              = local.size.instance
  image_id                   = var.provider_options.image_id
  scaling                    = var.scaling
  network_id                 = module.networking.network_id
  public_subnet_ids          = module.networking.public_subnet_ids
  private_subnet_ids         = module.networking.instance_subnet_ids
  balancer_security_group_id = module.networking.balancer_security_group_id
  web_security_group_id      = module.networking.web_security_group_id
  port                       = var.application.port
  health_path                = var.application.health_path
  certificate                = var.certificate
  bucket_access              = var.storage != null
  bucket_arn                 = one(module.storage[*].bucket_arn)
  deletion_protection        = var.deletion_protection
  user_data                  = module.cloud_init.user_data
  tags                       = local.tags
}
