variable "name" {
  description = "Label of the site; every name begins with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name))
    error_message = "name must be letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "resource_group_name" {
  description = "Resource group of all that is made here."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of all that is made here."
  type        = string
  nullable    = false
}

variable "zones" {
  description = "Availability zones; empty where the region has none."
  type        = list(string)
  nullable    = false
}

variable "subnet_id" {
  description = "Subnet of the instances."
  type        = string
  nullable    = false
}

variable "gateway_subnet_id" {
  description = "Subnet of the Application Gateway; of use with a certificate only."
  type        = string
  default     = null
}

variable "instance_type" {
  description = "Type of an instance."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.instance_type, "Standard_")
    error_message = "instance_type must begin with Standard_."
  }
}

variable "scaling" {
  description = "Fewest and most instances."
  type        = object({ min = number, max = number })
  nullable    = false

  validation {
    condition     = var.scaling.min >= 1 && var.scaling.min <= var.scaling.max
    error_message = "scaling must have 1 <= min <= max."
  }
}

variable "port" {
  description = "TCP port on which the balancer reaches the instances. The balancer does not hide it: security rules see the port behind it."
  type        = number
  nullable    = false

  validation {
    condition     = var.port == floor(var.port) && var.port >= 1 && var.port <= 65535
    error_message = "port must be a whole number from 1 to 65535."
  }
}

variable "health_path" {
  description = "Path that must answer 200."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "health_path must start with /."
  }
}

variable "certificate" {
  description = "Resource id of the Key Vault secret with the certificate; null is HTTP on 80 behind a load balancer."
  type        = string
  default     = null
}

variable "domain" {
  description = "Host name by which the gateway asks the instances, or null."
  type        = string
  default     = null
}

variable "identity_id" {
  description = "Identity of the application."
  type        = string
  nullable    = false
}

variable "user_data" {
  description = "Cloud-config of an instance, at most 64 KiB; holds secrets."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = length(var.user_data) <= 65536
    error_message = "user_data must have at most 65536 bytes."
  }
}

variable "tags" {
  description = "Tags of everything that is made here and has tags."
  type        = map(string)
  nullable    = false
}
