variable "name" {
  description = "Label of the site, at most 29 characters; instances, balancer and nodes begin with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,28}$", var.name))
    error_message = "name must be 3 to 29 letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "region" {
  description = "Region of what is made here."
  type        = string
  nullable    = false
}

variable "instance_type" {
  description = "Type of an instance."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^g[0-9]+-[a-z0-9-]+$", var.instance_type))
    error_message = "instance_type must be a type of Linodes, such as g6-standard-1."
  }
}

variable "instances" {
  description = "How many."
  type        = number
  nullable    = false

  validation {
    condition     = var.instances >= 1 && var.instances <= 50 && var.instances == floor(var.instances)
    error_message = "instances must be a whole number from 1 to 50."
  }
}

variable "subnet_id" {
  description = "Subnet of the instances, by which they reach the database."
  type        = number
  nullable    = false
}

variable "firewall_id" {
  description = "Firewall of the instances."
  type        = number
  nullable    = false
}

variable "port" {
  description = "TCP port on which the balancer reaches the instances."
  type        = number
  nullable    = false

  validation {
    condition     = var.port == floor(var.port) && var.port >= 1 && var.port <= 65535
    error_message = "port must be a whole number from 1 to 65535."
  }
}

variable "health_path" {
  description = "Path that the balancer asks."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "health_path must start with /."
  }
}

variable "https" {
  description = "Whether the balancer is open on 443 beside 80."
  type        = bool
  nullable    = false
}

variable "certificate_pem" {
  description = "Chain of the certificate in PEM; needed with https."
  type        = string
  default     = null
  sensitive   = true
}

variable "certificate_key_pem" {
  description = "Private key of the certificate in PEM; needed with https."
  type        = string
  default     = null
  sensitive   = true
}

variable "user_data" {
  description = "Cloud-config of an instance, at most 16 KiB; holds secrets."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = length(var.user_data) <= 16384
    error_message = "user_data must have at most 16384 bytes."
  }
}

variable "tags" {
  description = "Tags of everything here that has tags, each a word key:value of 3 to 50 characters."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for tag in var.tags : length(tag) >= 3 && length(tag) <= 50])
    error_message = "tags must be words of 3 to 50 characters."
  }
}
