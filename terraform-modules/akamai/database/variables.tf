variable "name" {
  description = "Label of the site, at most 29 characters; label of the database."
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

variable "type" {
  description = "Plan of every node."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^g[0-9]+-[a-z0-9-]+$", var.type))
    error_message = "type must be a plan, such as g6-standard-1."
  }
}

variable "nodes" {
  description = "Nodes of the cluster: one, or three with standbys."
  type        = number
  nullable    = false

  validation {
    condition     = contains([1, 3], var.nodes)
    error_message = "nodes must be 1 or 3."
  }
}

variable "engine_version" {
  description = "Major version of PostgreSQL."
  type        = number
  nullable    = false

  validation {
    condition     = contains([14, 15, 16, 17], var.engine_version)
    error_message = "engine_version must be a major version of PostgreSQL from 14 to 17."
  }
}

variable "network_id" {
  description = "Id of the VPC."
  type        = number
  nullable    = false
}

variable "subnet_id" {
  description = "Subnet in which the database has its address."
  type        = number
  nullable    = false
}

variable "network_cidr" {
  description = "Only addresses of this range reach the database."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrhost(var.network_cidr, 0))
    error_message = "network_cidr must be an IPv4 range, such as 10.20.0.0/16."
  }
}
