variable "name" {
  description = "Label of the site; identifier of the database."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name))
    error_message = "name must be letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "instance_class" {
  description = "Type of the database instance, and of its replica."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class must begin with db."
  }
}

variable "storage_gb" {
  description = "Storage in GB; raised to 20, the least that gp3 has. It grows by itself up to twice as much."
  type        = number
  nullable    = false

  validation {
    condition     = var.storage_gb >= 10 && var.storage_gb <= 16384 && var.storage_gb == floor(var.storage_gb)
    error_message = "storage_gb must be a whole number from 10 to 16384."
  }
}

variable "high_availability" {
  description = "A standby in another zone."
  type        = bool
  nullable    = false
}

variable "backup_days" {
  description = "Days that automatic backups are kept."
  type        = number
  nullable    = false

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35 && var.backup_days == floor(var.backup_days)
    error_message = "backup_days must be a whole number from 1 to 35."
  }
}

variable "engine_version" {
  description = "Major version of PostgreSQL."
  type        = number
  nullable    = false

  validation {
    condition     = contains([13, 14, 15, 16, 17, 18], var.engine_version)
    error_message = "engine_version must be a major version of PostgreSQL from 13 to 18."
  }
}

variable "read_replica" {
  description = "A second instance that follows the first and answers reads."
  type        = bool
  nullable    = false
}

variable "password" {
  description = "Password of the user app."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = can(regex("^[!#-.0-?A-~]{16,128}$", var.password))
    error_message = "password must have 16 to 128 printable characters without space, /, @ and double quotes."
  }
}

variable "subnet_ids" {
  description = "Private subnets in at least two zones."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Security group that lets the instances in."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "The database refuses deletion and leaves a final snapshot."
  type        = bool
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  nullable    = false
}
