variable "name" {
  description = "Label of the site; the name of what is made here begins with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 32 characters of a-z, 0-9 and -, start with a letter and not end with -."
  }
}

variable "region" {
  description = "Google Cloud region of the subnetwork, the router and the NAT gateway."
  type        = string
  nullable    = false
}

variable "network_cidr" {
  description = "Range of the site, /16 to /24: the first quarter is the instances', the second half the database's where it is at least a /24."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.network_cidr, 2, 3)) && can(regex("/(1[6-9]|2[0-4])$", var.network_cidr))
    error_message = "network_cidr must be an IPv4 range from /16 to /24."
  }
}

variable "private_services" {
  description = "Whether Google's managed services get addresses in the network, which Cloud SQL needs."
  type        = bool
  nullable    = false
}

variable "instance_tag" {
  description = "Network tag of the instances; firewall rules go by it."
  type        = string
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

variable "labels" {
  description = "Labels of everything here that has labels."
  type        = map(string)
  nullable    = false
}
