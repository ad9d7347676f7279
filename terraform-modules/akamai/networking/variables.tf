variable "name" {
  description = "Label of the site, at most 29 characters; network and firewall begin with it."
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

variable "network_cidr" {
  description = "Range of the network, /16 to /24."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrhost(var.network_cidr, 0))
    error_message = "network_cidr must be an IPv4 range, such as 10.20.0.0/16."
  }
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

variable "description" {
  description = "What the network says about itself: it has no tags."
  type        = string
  nullable    = false
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
