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
      arn                         = "arn:aws:s3:::shop-2f1c8a900000"
      bucket_regional_domain_name = "shop-2f1c8a900000.s3.eu-central-1.amazonaws.com"
    }
  }
  mock_resource "aws_db_instance" {
    defaults = { address = "shop.abc.eu-central-1.rds.amazonaws.com", port = 5432 }
  }
}

# Run once with each of ../site/examples/*.tfvars.
run "an_example_applies" {
  command = apply

  variables {
    database_password = "correct-horse-battery"
  }

  assert {
    condition     = startswith(output.url, "http") && output.database_host != null && output.bucket_name != null
    error_message = "The example's site lacks a part."
  }
}
