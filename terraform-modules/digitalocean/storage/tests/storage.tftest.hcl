mock_provider "digitalocean" {
  mock_resource "digitalocean_spaces_bucket" {
    defaults = { endpoint = "fra1.digitaloceanspaces.com", bucket_domain_name = "shop-2f1c8a90.fra1.digitaloceanspaces.com" }
  }
}

variables {
  bucket_name         = "shop-2f1c8a90"
  region              = "fra1"
  versioning          = true
  deletion_protection = true
}

run "the_bucket_is_private_and_its_key_opens_nothing_else" {
  command = apply

  assert {
    condition     = digitalocean_spaces_bucket.this.acl == "private" && digitalocean_spaces_bucket.this.versioning[0].enabled && !digitalocean_spaces_bucket.this.force_destroy
    error_message = "The bucket is open, forgets versions, or would be emptied."
  }
  assert {
    condition     = one(digitalocean_spaces_key.app.grant).bucket == "shop-2f1c8a90" && one(digitalocean_spaces_key.app.grant).permission == "readwrite"
    error_message = "The key opens something else."
  }
  assert {
    condition     = output.bucket_endpoint == "https://shop-2f1c8a90.fra1.digitaloceanspaces.com" && output.service_endpoint == "https://fra1.digitaloceanspaces.com"
    error_message = "The endpoints are not the region's."
  }
}

run "an_unprotected_bucket_goes_with_its_objects" {
  command = plan

  variables {
    deletion_protection = false
    versioning          = false
  }

  assert {
    condition     = digitalocean_spaces_bucket.this.force_destroy && !digitalocean_spaces_bucket.this.versioning[0].enabled
    error_message = "An unprotected bucket would stay."
  }
}

run "a_region_without_spaces_takes_another_of_its_city" {
  command = plan

  variables {
    region = "nyc2"
  }

  assert {
    condition     = digitalocean_spaces_bucket.this.region == "nyc3" && output.region == "nyc3"
    error_message = "The bucket is not in New York."
  }
}

run "a_city_without_spaces_is_refused" {
  command = plan

  variables {
    region = "par1"
  }

  expect_failures = [digitalocean_spaces_bucket.this]
}

run "a_bucket_name_with_capitals_is_refused" {
  command = plan

  variables {
    bucket_name = "Shop"
  }

  expect_failures = [var.bucket_name]
}
