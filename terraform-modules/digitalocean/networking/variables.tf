variable "name" {
  description = "Label of the site; name of the network and of the firewall."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name))
    error_message = "name must be letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "region" {
  description = "Region of the network."
  type        = string
  nullable    = false
}

variable "network_cidr" {
  description = "Range of the network, /16 to /24; no other network of the account may overlap it."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrhost(var.network_cidr, 0))
    error_message = "network_cidr must be an IPv4 range, such as 10.20.0.0/16."
  }
}

variable "site_tag" {
  description = "Tag that every Droplet of the site carries; firewall and balancer find them by it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_:-]{1,255}$", var.site_tag))
    error_message = "site_tag must be letters, digits, colons, dashes and underscores."
  }
}

variable "port" {
  description = "TCP port on which the balancer reaches the Droplets."
  type        = number
  nullable    = false

  validation {
    condition     = var.port == floor(var.port) && var.port >= 1 && var.port <= 65535
    error_message = "port must be a whole number from 1 to 65535."
  }
}
