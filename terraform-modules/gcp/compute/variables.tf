variable "name" {
  description = "Label of the site; the name of what is made here begins with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name)) && length(var.name) <= 32
    error_message = "name must have at most 32 letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "service_account_id" {
  description = "First part of the address of the instances' own service account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.service_account_id))
    error_message = "service_account_id must have 6 to 30 characters of a-z, 0-9 and -, start with a letter and not end with -."
  }
}

variable "region" {
  description = "Google Cloud region of the instances."
  type        = string
  nullable    = false
}

variable "machine_type" {
  description = "Type of the instances, x86-64."
  type        = string
  nullable    = false
}

variable "scaling" {
  description = "Fewest and most instances; between them they follow the CPU."
  type        = object({ min = number, max = number })
  nullable    = false

  validation {
    condition     = var.scaling.min >= 1 && var.scaling.max <= 50 && var.scaling.min == floor(var.scaling.min) && var.scaling.max == floor(var.scaling.max)
    error_message = "scaling.min and scaling.max must be whole numbers from 1 to 50."
  }
  validation {
    condition     = var.scaling.min <= var.scaling.max
    error_message = "scaling.min must not be more than scaling.max."
  }
}

variable "subnetwork_id" {
  description = "Subnetwork of the instances, with a way to the internet."
  type        = string
  nullable    = false
}

variable "instance_tag" {
  description = "Network tag of the instances; firewall rules go by it."
  type        = string
  nullable    = false
}

variable "port" {
  description = "TCP port of the application."
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
  description = "SSL certificate or Certificate Manager map; null is HTTP on 80 only."
  type        = string
  default     = null
}

variable "bucket_access" {
  description = "Whether there is a bucket; known at plan time."
  type        = bool
  nullable    = false
}

variable "bucket_name" {
  description = "Name of the bucket that the instances may read and write."
  type        = string
  default     = null
}

variable "user_data" {
  description = "The cloud-config document; holds the site's secrets."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    # The first counts characters, the second bytes, three to four.
    condition     = length(var.user_data) <= 262144 && length(base64encode(var.user_data)) <= 349528
    error_message = "Google Cloud takes at most 256 KiB as one value of metadata."
  }
}

variable "labels" {
  description = "Labels of everything here that has labels, instances and disks included."
  type        = map(string)
  nullable    = false
}
