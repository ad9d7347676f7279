variable "site_id" {
  description = "UUID of the site, lower case; a tag of everything that has tags. Never changes."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", var.site_id))
    error_message = "site_id must be a UUID in lower case."
  }
}

variable "site_name" {
  description = "DNS label of the site, 3 to 32 characters. Never changes."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.site_name))
    error_message = "site_name must have 3 to 32 characters of a-z, 0-9 and -, start with a letter and not end with -."
  }
}

variable "customer_id" {
  description = "UUID of the customer, lower case; a tag of everything that has tags."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", var.customer_id))
    error_message = "customer_id must be a UUID in lower case."
  }
}

variable "region" {
  description = "The provider's own name of the region. Never changes."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+[a-z0-9]*$", var.region))
    error_message = "region must be a region of Azure in its short form, such as westeurope."
  }
}

variable "size" {
  description = "small, medium, large or xlarge; the table in sizes.tf says what that is here."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["small", "medium", "large", "xlarge"], var.size)
    error_message = "size must be small, medium, large or xlarge."
  }
}

variable "network_cidr" {
  description = "Private IPv4 range of the site's network, /16 to /24, written with its first address. Never changes."
  type        = string
  default     = "10.20.0.0/16"
  nullable    = false

  validation {
    condition = (
      can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)[0-9.]+/(1[6-9]|2[0-4])$", var.network_cidr)) &&
      try(cidrhost(var.network_cidr, 0) == split("/", var.network_cidr)[0], false)
    )
    error_message = "network_cidr must be a private IPv4 range from /16 to /24, written with its first address, such as 10.20.0.0/16."
  }
}

variable "application" {
  description = "Container that cloud-init starts on every instance; health_path must answer 200. secrets and registry are sensitive; env, secrets, command and registry have 6 KiB together."
  type = object({
    image       = string
    port        = number
    env         = map(string)
    secrets     = map(string)
    health_path = string
    command     = string
    registry    = object({ server = string, username = string, password = string })
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,254}$", var.application.image))
    error_message = "application.image must be a container image reference."
  }
  validation {
    condition     = try(var.application.port == floor(var.application.port) && var.application.port >= 1 && var.application.port <= 65535 && var.application.port != 22, false)
    error_message = "application.port must be a whole number from 1 to 65535, and not 22."
  }
  validation {
    condition     = var.application.env == null ? false : alltrue([for key, value in var.application.env : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key)) && !can(regex("[\r\n]", value))])
    error_message = "application.env keys must be shell variable names, and values must be one line."
  }
  validation {
    condition     = var.application.secrets == null ? false : alltrue([for key, value in var.application.secrets : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key)) && !can(regex("[\r\n]", value))])
    error_message = "application.secrets keys must be shell variable names, and values must be one line."
  }
  validation {
    condition     = can(regex("^/[!-~]{0,200}$", var.application.health_path))
    error_message = "application.health_path must start with / and have no spaces."
  }
  # A backslash at the end would join the unit's next line to this one.
  validation {
    condition     = var.application.command == null ? true : !can(regex("[\r\n]|\\\\$", var.application.command))
    error_message = "application.command must be one line and not end with a backslash."
  }
  validation {
    condition     = var.application.registry == null ? true : try(can(regex("^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?$", var.application.registry.server)) && can(regex("^[!-9;-~]{1,255}$", var.application.registry.username)) && can(regex("^[^\r\n]+$", var.application.registry.password)), false)
    error_message = "application.registry must have a host name as server, a username without spaces and colons, and a password of one line."
  }
  # Said here because the user data itself is known at apply only: it holds the database's address.
  validation {
    condition     = length(base64encode(jsonencode([var.application.env, var.application.secrets, var.application.command, var.application.registry]))) <= 8192
    error_message = "application.env, secrets, command and registry must not have more than 6 KiB together: user data has at most 16 KiB."
  }
}

variable "domain" {
  description = "Host name that will point at the site, or null."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null ? true : length(var.domain) <= 253 && can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain))
    error_message = "domain must be a fully qualified host name in lower case, without a dot at its end."
  }
}

variable "certificate" {
  description = "Resource id of the Key Vault secret that holds the certificate; null is HTTP on port 80 only."
  type        = string
  default     = null

  validation {
    condition     = var.certificate == null ? true : can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft\\.KeyVault/vaults/[A-Za-z0-9-]{3,24}/secrets/[A-Za-z0-9-]{1,127}$", var.certificate))
    error_message = "certificate must be a resource id: /subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>."
  }
  validation {
    condition     = var.domain == null || var.certificate != null
    error_message = "certificate must be set where domain is: without one nobody would see whether the site is genuine."
  }
}

variable "scaling" {
  description = "Fewest and most instances, 1 to 50."
  type        = object({ min = number, max = number })
  nullable    = false

  validation {
    condition     = try(var.scaling.min >= 1 && var.scaling.max <= 50 && var.scaling.min == floor(var.scaling.min) && var.scaling.max == floor(var.scaling.max), false)
    error_message = "scaling.min and scaling.max must be whole numbers from 1 to 50."
  }
  validation {
    condition     = try(var.scaling.min <= var.scaling.max, false)
    error_message = "scaling.min must not be more than scaling.max."
  }
}

variable "database" {
  description = "Managed PostgreSQL 13 to 18, or null for none. Storage is 10 to 16384 GB and never shrinks; the engine never gets older; backups are kept 1 to 35 days."
  type = object({
    storage_gb        = number
    high_availability = bool
    backup_days       = number
    engine_version    = number
    read_replica      = bool
  })
  default = null

  validation {
    condition     = var.database == null ? true : try(var.database.storage_gb >= 10 && var.database.storage_gb <= 16384 && var.database.storage_gb == floor(var.database.storage_gb), false)
    error_message = "database.storage_gb must be a whole number from 10 to 16384."
  }
  validation {
    condition     = var.database == null ? true : try(var.database.backup_days >= 1 && var.database.backup_days <= 35 && var.database.backup_days == floor(var.database.backup_days), false)
    error_message = "database.backup_days must be a whole number from 1 to 35."
  }
  validation {
    condition     = var.database == null ? true : contains([13, 14, 15, 16, 17, 18], var.database.engine_version)
    error_message = "database.engine_version must be a major version of PostgreSQL from 13 to 18."
  }
  validation {
    condition     = var.database == null ? true : var.database.high_availability != null && var.database.read_replica != null
    error_message = "database.high_availability and database.read_replica must be true or false."
  }
}

variable "database_password" {
  description = "Password of the database user, made by Siteplane; needed where database is not null."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.database == null || can(regex("^[!#-.0-?A-~]{16,128}$", var.database_password))
    error_message = "database_password is needed for a database: 16 to 128 printable characters without space, /, @ and double quotes."
  }
  # Azure refuses others only at apply.
  validation {
    condition     = var.database_password == null ? true : length([for kind in ["[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"] : kind if can(regex(kind, var.database_password))]) >= 3
    error_message = "database_password must have characters of three of these kinds: small letters, capitals, digits, others."
  }
}

variable "storage" {
  description = "Object storage bucket, or null for none."
  type        = object({ versioning = bool })
  default     = null

  validation {
    condition     = var.storage == null ? true : var.storage.versioning != null
    error_message = "storage.versioning must be true or false."
  }
}

variable "deletion_protection" {
  description = "Database and storage account refuse deletion, by a management lock and by a guard of Terraform's own."
  type        = bool
  nullable    = false
}

variable "tags" {
  description = "Extra tags, at most 20."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 20 && alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{1,63}$", value))])
    error_message = "tags must be at most 20, with keys and values of a-z, 0-9, _ and - of at most 63 characters, and keys that start with a letter."
  }
  validation {
    condition     = length(setintersection(keys(var.tags), ["site_id", "customer_id", "managed_by", "name"])) == 0
    error_message = "tags must not use site_id, customer_id, managed_by or name."
  }
}

variable "provider_options" {
  description = "What only Azure needs: nothing."
  type        = object({})
  default     = {}
  nullable    = false
}
