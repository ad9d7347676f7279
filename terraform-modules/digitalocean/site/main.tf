locals {
  # At most 32 characters, single hyphens, unique through the site's id.
  slug = trim(substr(replace(var.site_name, "/-+/", "-"), 0, 23), "-")
  # Ids begin with the time at which they were made, which sites of one minute share; their ends are random.
  digits = replace(var.site_id, "-", "")
  label  = "${local.slug}-${substr(local.digits, 24, 8)}"

  # A tag is one word here: key:value.
  site_tag = "site_id:${var.site_id}"
  tags = concat(
    [local.site_tag, "customer_id:${var.customer_id}", "managed_by:siteplane"],
    [for key, value in var.tags : "${key}:${value}"],
  )

  # Bucket names are one space for all customers of a region, so more of the id is in them.
  bucket_name = "${local.slug}-${substr(local.digits, 20, 12)}"

  # DigitalOcean makes a pool only with an SSH key, and a pool of one size would scale nothing.
  autoscale = var.scaling.max > var.scaling.min && length(var.provider_options.ssh_keys) > 0
}

# What belongs to the site stands together in the control panel, and the bill names it.
resource "digitalocean_project" "this" {
  name        = local.label
  description = "${local.site_tag} customer_id:${var.customer_id} managed_by:siteplane"
  purpose     = "Web Application"
  environment = "Production"

  lifecycle {
    # Members come from digitalocean_project_resources and from the pool's template.
    ignore_changes = [resources]
  }
}

module "networking" {
  source = "../networking"

  name         = local.label
  region       = var.region
  network_cidr = var.network_cidr
  site_tag     = local.site_tag
  port         = var.application.port
}

module "database" {
  source = "../database"
  count  = var.database == null ? 0 : 1

  name               = local.label
  region             = var.region
  size               = local.size.database
  storage_gb         = var.database.storage_gb
  minimum_storage_gb = local.size.database_minimum_gb
  high_availability  = var.database.high_availability
  engine_version     = var.database.engine_version
  read_replica       = var.database.read_replica
  network_id         = module.networking.network_id
  project_id         = digitalocean_project.this.id
  site_tag           = module.networking.site_tag
  tags               = local.tags
}

module "storage" {
  source = "../storage"
  count  = var.storage == null ? 0 : 1

  bucket_name         = local.bucket_name
  region              = var.region
  versioning          = var.storage.versioning
  deletion_protection = var.deletion_protection
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
      # The replica has a password of its own.
      DATABASE_REPLICA_URL = "postgres://${module.database[0].replica_user}:${urlencode(module.database[0].replica_password)}@${module.database[0].replica_host}${local.database_url_tail}"
    } : {},
  )

  storage_env = var.storage == null ? {} : {
    S3_BUCKET         = module.storage[0].bucket_name
    S3_ENDPOINT       = module.storage[0].service_endpoint
    S3_REGION         = module.storage[0].region
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

  name           = local.label
  region         = var.region
  droplet_size   = local.size.droplet
  balancer_nodes = local.size.balancer_nodes
  scaling        = var.scaling
  autoscale      = local.autoscale
  ssh_keys       = var.provider_options.ssh_keys
  network_id     = module.networking.network_id
  project_id     = digitalocean_project.this.id
  site_tag       = module.networking.site_tag
  port           = var.application.port
  health_path    = var.application.health_path
  certificate    = var.certificate
  user_data      = module.cloud_init.user_data
  tags           = local.tags
}

# Droplets of a pool come into the project through its template.
resource "digitalocean_project_resources" "this" {
  project = digitalocean_project.this.id
  resources = concat(
    [module.compute.balancer_urn],
    module.compute.droplet_urns,
    module.database[*].urn,
    module.storage[*].urn,
  )
}
