mock_provider "google" {
  mock_resource "google_storage_bucket" {
    defaults = { self_link = "https://www.googleapis.com/storage/v1/b/shop-2f1c8a90" }
  }
}

variables {
  bucket_name         = "shop-2f1c8a90"
  region              = "europe-west3"
  versioning          = true
  deletion_protection = true
  labels              = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "the_bucket_is_in_its_region_and_closed_to_the_public" {
  command = apply

  assert {
    condition     = google_storage_bucket.this.location == "EUROPE-WEST3" && google_storage_bucket.this.uniform_bucket_level_access && google_storage_bucket.this.public_access_prevention == "enforced"
    error_message = "The bucket is elsewhere, or the public can be let in."
  }
  assert {
    condition     = google_storage_bucket.this.labels["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"
    error_message = "The bucket lacks the site's labels."
  }
  assert {
    condition     = output.bucket_name == "shop-2f1c8a90" && output.bucket_endpoint == "https://www.googleapis.com/storage/v1/b/shop-2f1c8a90"
    error_message = "The bucket's coordinates are not those that work."
  }
}

run "versioning_is_by_choice" {
  command = plan

  assert {
    condition     = google_storage_bucket.this.versioning[0].enabled
    error_message = "Versioning was asked for and is off."
  }
}

run "versioning_that_is_not_wanted_is_off_and_old_versions_still_go" {
  command = plan

  variables {
    versioning = false
  }

  assert {
    condition     = !google_storage_bucket.this.versioning[0].enabled
    error_message = "Versioning was not asked for and is on."
  }
  assert {
    condition     = contains([for rule in google_storage_bucket.this.lifecycle_rule : one(rule.condition).days_since_noncurrent_time], 90)
    error_message = "Versions from before would stay for ever."
  }
}

run "a_protected_bucket_stays" {
  command = plan

  assert {
    condition     = !google_storage_bucket.this.force_destroy && google_storage_bucket.this.deletion_policy == "PREVENT" && google_storage_bucket.this.soft_delete_policy[0].retention_duration_seconds == 1209600
    error_message = "A protected bucket could be lost."
  }
}

run "an_unprotected_bucket_goes_with_its_objects" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = google_storage_bucket.this.force_destroy && google_storage_bucket.this.deletion_policy == "DELETE" && google_storage_bucket.this.soft_delete_policy[0].retention_duration_seconds == 0
    error_message = "An unprotected bucket would stay, or cost on."
  }
}

run "a_bucket_name_with_capitals_is_refused" {
  command = plan

  variables {
    bucket_name = "Shop"
  }

  expect_failures = [var.bucket_name]
}

run "a_bucket_name_that_google_keeps_is_refused" {
  command = plan

  variables {
    bucket_name = "my-g00gle-shop"
  }

  expect_failures = [var.bucket_name]
}
