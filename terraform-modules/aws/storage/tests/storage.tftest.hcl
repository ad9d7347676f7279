mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = {
      arn                         = "arn:aws:s3:::shop-2f1c8a90"
      bucket_regional_domain_name = "shop-2f1c8a90.s3.eu-central-1.amazonaws.com"
    }
  }
}

variables {
  bucket_name         = "shop-2f1c8a90"
  versioning          = true
  deletion_protection = true
  tags                = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "the_bucket_is_closed_encrypted_and_refuses_plain_http" {
  command = apply

  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    error_message = "The public can be let in."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Objects are not encrypted."
  }
  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement == [{
      Sid       = "TLSOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::shop-2f1c8a90", "arn:aws:s3:::shop-2f1c8a90/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "Plain HTTP is not refused for the bucket and all in it."
  }
  assert {
    condition     = output.bucket_endpoint == "https://shop-2f1c8a90.s3.eu-central-1.amazonaws.com" && output.service_endpoint == "https://s3.eu-central-1.amazonaws.com"
    error_message = "The endpoints are not the region's."
  }
  assert {
    condition     = aws_s3_bucket.this.tags["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"
    error_message = "The bucket lacks the site's tags."
  }
}

run "versioning_is_by_choice" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Versioning was asked for and is off."
  }
}

run "versioning_that_is_not_wanted_is_suspended" {
  command = plan

  variables {
    versioning = false
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Suspended"
    error_message = "Versioning was not asked for and is on."
  }
}

run "a_protected_bucket_keeps_its_objects" {
  command = plan

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "A protected bucket would be emptied."
  }
}

run "an_unprotected_bucket_goes_with_its_objects" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "An unprotected bucket would stay."
  }
}

run "a_bucket_name_with_capitals_is_refused" {
  command = plan

  variables {
    bucket_name = "Shop"
  }

  expect_failures = [var.bucket_name]
}
