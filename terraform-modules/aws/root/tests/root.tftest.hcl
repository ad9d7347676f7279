# Values of a shape that the provider's own checks take.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_ami" {
    defaults = { id = "ami-0abc1234" }
  }
  mock_resource "aws_lb" {
    defaults = {
      arn      = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188"
      dns_name = "shop-2f1c8a90.eu-central-1.elb.amazonaws.com"
    }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/site/50dc6c495c0c9188" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/shop-2f1c8a90" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0abc1234", latest_version = 1 }
  }
  mock_resource "aws_s3_bucket" {
    defaults = {
      arn                         = "arn:aws:s3:::shop-000000000001"
      bucket_regional_domain_name = "shop-000000000001.s3.eu-central-1.amazonaws.com"
    }
  }
  mock_resource "aws_db_instance" {
    defaults = { address = "shop.abc.eu-central-1.rds.amazonaws.com", port = 5432 }
  }
}

variables {
  site_id             = "2f1c8a90-0000-4000-8000-000000000001"
  site_name           = "shop"
  customer_id         = "7d0e2b34-0000-4000-8000-000000000002"
  region              = "eu-central-1"
  size                = "small"
  application         = { image = "nginx:1.29", port = 8080, env = { GREETING = "hello" }, health_path = "/", command = null }
  scaling             = { min = 1, max = 1 }
  deletion_protection = false
}

run "the_root_makes_a_site_without_secrets" {
  command = apply

  assert {
    condition     = output.url == "http://shop-2f1c8a90.eu-central-1.elb.amazonaws.com"
    error_message = "The root does not hand the site's outputs on."
  }
}

run "secrets_are_marked_and_nothing_else_is" {
  command = apply

  variables {
    application_secrets = { API_KEY = "hunter2" }
    registry            = { server = "ghcr.io", username = "acme", password = "hunter2" }
    database            = { storage_gb = 20, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
    database_password   = "correct-horse-battery"
    storage             = { versioning = true }
  }

  assert {
    condition     = output.database_password == "correct-horse-battery" && issensitive(output.database_password)
    error_message = "The password is not handed on, or shows."
  }
  assert {
    condition = !anytrue([
      for value in [output.url, output.hostname, output.database_host, output.database_port, output.bucket_name, output.network_id, output.dns_records, output.capabilities] : issensitive(value)
    ])
    error_message = "The mark of the secrets has spread to an output that is none."
  }
}

run "an_emulator_makes_the_same_site" {
  command = apply

  variables {
    emulator = true
  }

  assert {
    condition     = output.url == "http://shop-2f1c8a90.eu-central-1.elb.amazonaws.com"
    error_message = "The site differs on an emulator."
  }
}
