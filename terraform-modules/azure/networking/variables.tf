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

variable "network_cidr" {
  description = "Range of the network, /16 to /24; cut into four: application, database, gateway, and one that stays free."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.network_cidr, 2, 3))
    error_message = "network_cidr must be an IPv4 range, such as 10.20.0.0/16."
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

variable "gateway" {
  description = "Whether an Application Gateway with a subnet of its own stands before the instances, and not a load balancer."
  type        = bool
  nullable    = false
}

variable "zones" {
  description = "Availability zones; empty where the region has none."
  type        = list(string)
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that is made here and has tags."
  type        = map(string)
  nullable    = false
}
