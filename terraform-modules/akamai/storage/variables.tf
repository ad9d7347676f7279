variable "bucket_name" {
  description = "Name of the bucket; unique in its region, among all customers."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must have 3 to 63 characters of a-z, 0-9 and -, and neither begin nor end with -."
  }
}

variable "region" {
  description = "Region of the bucket."
  type        = string
  nullable    = false
}

variable "versioning" {
  description = "Keep what is overwritten or deleted for 90 days."
  type        = bool
  nullable    = false
}
