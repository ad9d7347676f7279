variable "name" {
  description = "Label of the site; Droplets, pool and balancer begin with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name))
    error_message = "name must be letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "region" {
  description = "Region of the Droplets and of the balancer."
  type        = string
  nullable    = false
}

variable "droplet_size" {
  description = "Size slug of a Droplet."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+(-[a-z0-9.]+)+$", var.droplet_size))
    error_message = "droplet_size must be a size slug, such as s-1vcpu-2gb."
  }
}

variable "balancer_nodes" {
  description = "Nodes of the balancer (size_unit)."
  type        = number
  nullable    = false

  validation {
    condition     = var.balancer_nodes >= 1 && var.balancer_nodes <= 100 && var.balancer_nodes == floor(var.balancer_nodes)
    error_message = "balancer_nodes must be a whole number from 1 to 100."
  }
}

variable "scaling" {
  description = "Fewest and most Droplets."
  type        = object({ min = number, max = number })
  nullable    = false

  validation {
    condition     = var.scaling.min >= 1 && var.scaling.min <= var.scaling.max
    error_message = "scaling must have 1 <= min <= max."
  }
}

variable "autoscale" {
  description = "A pool that scales, and not scaling.min single Droplets."
  type        = bool
  nullable    = false

  validation {
    condition     = !var.autoscale || length(var.ssh_keys) > 0
    error_message = "autoscale needs at least one of ssh_keys: DigitalOcean makes no pool without."
  }
}

variable "ssh_keys" {
  description = "Ids or fingerprints of SSH keys in the account."
  type        = list(string)
  nullable    = false
}

variable "network_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false
}

variable "project_id" {
  description = "Project of balancer and pool."
  type        = string
  nullable    = false
}

variable "site_tag" {
  description = "Tag by which the balancer finds its Droplets."
  type        = string
  nullable    = false
}

variable "port" {
  description = "TCP port on which the balancer reaches the Droplets."
  type        = number
  nullable    = false
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

variable "certificate" {
  description = "Name of a certificate in the account; null is HTTP only."
  type        = string
  default     = null
}

variable "user_data" {
  description = "Cloud-config of a Droplet, at most 64 KiB; holds secrets."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = length(var.user_data) <= 65536
    error_message = "user_data must have at most 65536 bytes."
  }
}

variable "tags" {
  description = "Tags of every Droplet, each a word key:value."
  type        = list(string)
  nullable    = false
}
