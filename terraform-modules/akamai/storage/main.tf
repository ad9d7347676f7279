# Versions and lifecycle go by the S3 API: the provider needs obj_use_temp_keys, or keys of its own. Whether a bucket that
# holds objects may be deleted is the provider's obj_bucket_force_delete. Buckets have no tags.
resource "linode_object_storage_bucket" "this" {
  region       = var.region
  label        = var.bucket_name
  acl          = "private"
  cors_enabled = false
  versioning   = var.versioning

  lifecycle_rule {
    id                                     = "housekeeping"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 7

    noncurrent_version_expiration {
      days = 90
    }
  }
}

# A key for this one bucket, for the application.
resource "linode_object_storage_key" "app" {
  label = var.bucket_name

  bucket_access {
    bucket_name = linode_object_storage_bucket.this.label
    region      = var.region
    permissions = "read_write"
  }
}
