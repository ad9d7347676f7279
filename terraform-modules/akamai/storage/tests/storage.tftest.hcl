mock_provider "linode" {
  mock_resource "linode_object_storage_bucket" {
    defaults = { hostname = "shop-2f1c8a90.de-fra-2.linodeobjects.com", s3_endpoint = "de-fra-2.linodeobjects.com" }
  }
}

variables {
  bucket_name = "shop-2f1c8a90"
  region      = "de-fra-2"
  versioning  = true
}

run "the_bucket_is_private_and_its_key_opens_nothing_else" {
  command = apply

  assert {
    condition     = linode_object_storage_bucket.this.acl == "private" && linode_object_storage_bucket.this.versioning && !linode_object_storage_bucket.this.cors_enabled
    error_message = "The bucket is open, or forgets versions."
  }
  assert {
    condition     = one(linode_object_storage_key.app.bucket_access).bucket_name == "shop-2f1c8a90" && one(linode_object_storage_key.app.bucket_access).permissions == "read_write"
    error_message = "The key opens something else."
  }
  assert {
    condition     = output.bucket_endpoint == "https://shop-2f1c8a90.de-fra-2.linodeobjects.com" && output.service_endpoint == "https://de-fra-2.linodeobjects.com"
    error_message = "The endpoints are not the region's."
  }
}

run "a_bucket_name_with_capitals_is_refused" {
  command = plan

  variables {
    bucket_name = "Shop"
  }

  expect_failures = [var.bucket_name]
}
