# Values of a shape that the provider's own checks take.
mock_provider "aws" {
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
    defaults = { id = "lt-0abc1234", latest_version = 7 }
  }
}

variables {
  name                       = "shop-2f1c8a90"
  instance_type              = "t3.small"
  scaling                    = { min = 1, max = 3 }
  network_id                 = "vpc-1"
  public_subnet_ids          = ["subnet-1", "subnet-2"]
  private_subnet_ids         = ["subnet-3", "subnet-4"]
  balancer_security_group_id = "sg-1"
  web_security_group_id      = "sg-2"
  port                       = 8080
  health_path                = "/health"
  bucket_access              = false
  deletion_protection        = true
  user_data                  = "#cloud-config\n"
  tags                       = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

# Before anything is applied: later the image is ignored.
run "an_image_of_ones_own_is_taken" {
  command = plan

  variables {
    image_id = "ami-12c6146b"
  }

  assert {
    condition     = aws_launch_template.web.image_id == "ami-12c6146b" && length(data.aws_ami.ubuntu) == 0
    error_message = "The image is not the one asked for."
  }
}

run "a_new_version_of_the_launch_template_reaches_what_runs" {
  command = apply

  assert {
    condition     = aws_autoscaling_group.web.launch_template[0].version == "7" && aws_autoscaling_group.web.instance_refresh[0].strategy == "Rolling"
    error_message = "The group does not follow the numbered version of its launch template."
  }
  assert {
    condition     = aws_autoscaling_group.web.instance_refresh[0].preferences[0].min_healthy_percentage == 100
    error_message = "A refresh takes instances away before their successors are healthy."
  }
  assert {
    condition     = output.hostname == "shop-2f1c8a90.eu-central-1.elb.amazonaws.com"
    error_message = "The host name is not the balancer's."
  }
}

run "a_newer_image_is_no_change" {
  command = plan

  variables {
    image_id = "ami-0fff9999"
  }

  assert {
    condition     = aws_launch_template.web.image_id == "ami-0abc1234"
    error_message = "A newer image would replace the instances."
  }
}

run "user_data_does_not_show_in_plans" {
  command = plan

  assert {
    condition     = issensitive(aws_launch_template.web.user_data) && !issensitive(aws_lb_target_group.web.port)
    error_message = "User data shows, or the mark has spread to the port."
  }
}

run "instances_have_encrypted_disks_and_no_open_metadata" {
  command = plan

  assert {
    condition     = aws_launch_template.web.block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.web.metadata_options[0].http_tokens == "required"
    error_message = "Disks are not encrypted, or metadata answers without a token."
  }
}

run "the_health_path_must_answer_200" {
  command = plan

  assert {
    condition     = aws_lb_target_group.web.health_check[0].path == "/health" && aws_lb_target_group.web.health_check[0].matcher == "200" && aws_lb_target_group.web.port == 8080
    error_message = "The balancer does not ask the health path for 200 on the application's port."
  }
}

run "without_a_certificate_port_80_forwards" {
  command = plan

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "forward" && length(aws_lb_listener.https) == 0
    error_message = "HTTP is not served on 80 alone."
  }
}

run "with_a_certificate_port_80_redirects_and_443_forwards" {
  command = plan

  variables {
    certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/1b2c3d4e-0000-4000-8000-000000000001"
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].redirect[0].status_code == "HTTP_301" && aws_lb_listener.http.default_action[0].redirect[0].port == "443"
    error_message = "Port 80 does not redirect to 443."
  }
  assert {
    condition     = aws_lb_listener.https[0].certificate_arn == var.certificate && aws_lb_listener.https[0].default_action[0].type == "forward"
    error_message = "Port 443 does not serve the certificate."
  }
}

run "a_range_of_instances_follows_the_cpu" {
  command = plan

  assert {
    condition     = length(aws_autoscaling_policy.cpu) == 1 && aws_autoscaling_group.web.min_size == 1 && aws_autoscaling_group.web.max_size == 3
    error_message = "The group does not scale between its limits."
  }
}

run "a_fixed_number_of_instances_has_no_policy" {
  command = plan

  variables {
    scaling = { min = 2, max = 2 }
  }

  assert {
    condition     = length(aws_autoscaling_policy.cpu) == 0
    error_message = "A fixed number would be scaled."
  }
}

run "the_role_has_the_bucket_and_no_other" {
  command = plan

  variables {
    bucket_access = true
    bucket_arn    = "arn:aws:s3:::shop-2f1c8a90"
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.bucket[0].policy).Statement : statement.Resource] == ["arn:aws:s3:::shop-2f1c8a90", "arn:aws:s3:::shop-2f1c8a90/*"]
    error_message = "The role may touch more than the site's bucket."
  }
}

run "without_a_bucket_the_role_has_none" {
  command = plan

  assert {
    condition     = length(aws_iam_role_policy.bucket) == 0
    error_message = "The role has a bucket that is not there."
  }
}

run "a_name_that_aws_reserves_is_changed" {
  command = plan

  variables {
    name = "internal-shop-2f1c8a90"
  }

  assert {
    condition     = aws_lb.this.name == "xinternal-shop-2f1c8a90"
    error_message = "AWS would refuse the balancer's name."
  }
}

run "everything_carries_the_tags" {
  command = plan

  assert {
    condition = alltrue([
      for tags in concat(
        [aws_iam_role.web.tags, aws_iam_instance_profile.web.tags, aws_launch_template.web.tags, aws_lb.this.tags, aws_lb_target_group.web.tags, aws_lb_listener.http.tags],
        aws_launch_template.web.tag_specifications[*].tags,
        [{ for tag in aws_autoscaling_group.web.tag : tag.key => tag.value }],
      ) : tags["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"
    ])
    error_message = "Something lacks the site's tags."
  }
  assert {
    condition     = toset(aws_launch_template.web.tag_specifications[*].resource_type) == toset(["instance", "volume"])
    error_message = "Instances and volumes are not both tagged."
  }
}

run "values_out_of_their_limits_are_refused" {
  command = plan

  variables {
    name        = "a-name-that-has-more-than-32-chars"
    scaling     = { min = 3, max = 2 }
    port        = 70000
    health_path = "health"
    image_id    = "ubuntu"
    user_data   = replace(format("%16385s", ""), " ", "x")
  }

  expect_failures = [var.name, var.scaling, var.port, var.health_path, var.image_id, var.user_data]
}
