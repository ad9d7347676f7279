locals {
  # Where Spaces are. Source: DigitalOcean's documentation, "Regional availability", 2026-11.
  spaces_regions = ["ams3", "atl1", "blr1", "fra1", "lon1", "nyc3", "sfo2", "sfo3", "sgp1", "syd1", "tor1"]

  # Objects stay in the site's city.
  same_city = {
    nyc1 = "nyc3"
    nyc2 = "nyc3"
  }

  region = lookup(local.same_city, var.region, var.region)
}

# Spaces have no tags.
resource "digitalocean_spaces_bucket" "this" {
  name          = var.bucket_name
  region        = local.region
  acl           = "private"
  force_destroy = !var.deletion_protection

  versioning {
    enabled = var.versioning
  }

  lifecycle_rule {
    id                                     = "abandoned-uploads"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 7
  }

  dynamic "lifecycle_rule" {
    for_each = var.versioning ? [1] : []
    content {
      id      = "old-versions"
      enabled = true

      noncurrent_version_expiration {
        days = 90
      }
    }
  }

  lifecycle {
    precondition {
      condition     = contains(local.spaces_regions, local.region)
      error_message = "storage must be null in ${var.region}: Spaces are in ${join(", ", local.spaces_regions)}."
    }
  }
}

# A key for this one bucket, for the application.
resource "digitalocean_spaces_key" "app" {
  name = var.bucket_name

  grant {
    bucket     = digitalocean_spaces_bucket.this.name
    permission = "readwrite"
  }
}
