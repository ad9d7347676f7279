variable "name" {
  description = "Label of the site; name of what is made here."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name)) && length(var.name) <= 32
    error_message = "name must have at most 32 letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "instance_type" {
  description = "Type of the instances, x86-64."
  type        = string
  nullable    = false
}

variable "image_id" {
  description = "Machine image; null is Canonical's newest Ubuntu 24.04. Later changes are ignored."
  type        = string
  default     = null

  validation {
    condition     = var.image_id == null ? true : can(regex("^ami-[0-9a-f]+$", var.image_id))
    error_message = "image_id must be an AMI id."
  }
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

variable "network_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false
}

variable "public_subnet_ids" {
  description = "Subnets of the balancer, in at least two zones."
  type        = list(string)
  nullable    = false
}

variable "private_subnet_ids" {
  description = "Subnets of the instances, with a way to the internet."
  type        = list(string)
  nullable    = false
}

variable "balancer_security_group_id" {
  description = "Security group of the balancer."
  type        = string
  nullable    = false
}

variable "web_security_group_id" {
  description = "Security group of the instances."
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
  description = "ARN of a certificate in the same region; null is HTTP on 80 only."
  type        = string
  default     = null
}

variable "bucket_access" {
  description = "Whether there is a bucket; known at plan time, unlike its ARN."
  type        = bool
  nullable    = false
}

variable "bucket_arn" {
  description = "ARN of the bucket that the instances may read and write."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "The balancer refuses deletion."
  type        = bool
  nullable    = false
}

variable "user_data" {
  description = "The cloud-config document; holds the site's secrets."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    # The first counts characters, the second bytes, three to four.
    condition     = length(var.user_data) <= 16384 && length(base64encode(var.user_data)) <= 21848
    error_message = "EC2 takes at most 16384 bytes of user data."
  }
}

variable "tags" {
  description = "Tags of everything that is made here, instances and volumes included."
  type        = map(string)
  nullable    = false
}
