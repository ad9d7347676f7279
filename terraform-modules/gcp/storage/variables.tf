variable "bucket_name" {
  description = "Name of the bucket; unique in all of Google Cloud."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must have 3 to 63 characters of a-z, 0-9 and -, and neither begin nor end with -."
  }
  validation {
    condition     = !can(regex("^goog|g[o0][o0]g[l1]e", var.bucket_name))
    error_message = "bucket_name must not begin with goog or hold google: Google keeps these names for itself."
  }
}

variable "region" {
  description = "Google Cloud region of the bucket."
  type        = string
  nullable    = false
}

variable "versioning" {
  description = "Keep what is overwritten or deleted for 90 days."
  type        = bool
  nullable    = false
}

variable "deletion_protection" {
  description = "The bucket refuses deletion, and deleted objects can be had back for 14 days."
  type        = bool
  nullable    = false
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  nullable    = false
}
