variable "name" {
  description = "Label of the site; the name of what is made here begins or ends with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 32 characters of a-z, 0-9 and -, start with a letter and not end with -."
  }
}

variable "region" {
  description = "AWS region of the provider."
  type        = string
  nullable    = false
}

variable "network_cidr" {
  description = "Range of the VPC, /16 to /24; cut into four equal subnets, so a /24 gives four /26."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.network_cidr, 2, 3)) && can(regex("/(1[6-9]|2[0-4])$", var.network_cidr))
    error_message = "network_cidr must be an IPv4 range from /16 to /24."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone, and not one for all."
  type        = bool
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

variable "https" {
  description = "Whether the balancer is open on 443 beside 80."
  type        = bool
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  nullable    = false
}
