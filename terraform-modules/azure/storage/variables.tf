variable "account_name" {
  description = "Name of the account; unique in all of Azure."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.account_name))
    error_message = "account_name must be 3 to 24 small letters and digits."
  }
}

variable "container_name" {
  description = "Name of the container, which is the bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", var.container_name))
    error_message = "container_name must have 3 to 63 characters of a-z, 0-9 and single hyphens."
  }
}

variable "resource_group_name" {
  description = "Resource group of the account."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the account."
  type        = string
  nullable    = false
}

variable "replication" {
  description = "ZRS where the region has zones, else LRS."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["ZRS", "LRS"], var.replication)
    error_message = "replication must be ZRS or LRS."
  }
}

variable "versioning" {
  description = "Keep what is overwritten or deleted."
  type        = bool
  nullable    = false
}

variable "principal_id" {
  description = "Principal of the identity that reads and writes the objects."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "The account refuses deletion, and what was deleted is kept for 14 days."
  type        = bool
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that is made here and has tags."
  type        = map(string)
  nullable    = false
}
