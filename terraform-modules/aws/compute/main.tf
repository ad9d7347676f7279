data "aws_partition" "current" {}

data "aws_ami" "ubuntu" {
  count = var.image_id == null ? 1 : 0

  most_recent = true
  owners      = ["099720109477"] # Canonical

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]
  }
}

locals {
  tags = merge(var.tags, { Name = var.name })

  # A balancer's name must not begin with "internal-".
  balancer_name = startswith(var.name, "internal-") ? "x${substr(var.name, 0, 31)}" : var.name
}

resource "aws_iam_role" "web" {
  name = var.name
  tags = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

# Session Manager in place of SSH.
resource "aws_iam_role_policy_attachment" "session_manager" {
  role       = aws_iam_role.web.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy" "bucket" {
  count = var.bucket_access ? 1 : 0

  name = "bucket"
  role = aws_iam_role.web.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = var.bucket_arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        Resource = "${var.bucket_arn}/*"
      },
    ]
  })
}

resource "aws_iam_instance_profile" "web" {
  name = var.name
  role = aws_iam_role.web.name
  tags = local.tags
}

resource "aws_launch_template" "web" {
  name                   = var.name
  image_id               = var.image_id != null ? var.image_id : data.aws_ami.ubuntu[0].id
  instance_type          = var.instance_type
  user_data              = base64encode(var.user_data)
  update_default_version = true
  vpc_security_group_ids = [var.web_security_group_id]

  iam_instance_profile {
    arn = aws_iam_instance_profile.web.arn
  }

  block_device_mappings {
    device_name = "/dev/sda1"

    ebs {
      volume_size           = 20
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  # Two hops: the container gets the role's credentials through the bridge.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }

  monitoring {
    enabled = true
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]
    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }

  tags = local.tags

  lifecycle {
    # A newer Ubuntu image is no change of the site; replace the template to take it.
    ignore_changes = [image_id]
  }
}

resource "aws_lb" "this" {
  name                       = local.balancer_name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.public_subnet_ids
  security_groups            = [var.balancer_security_group_id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
  tags                       = local.tags
}

# Another port makes another target group, which must be there before the listener leaves the old one; a fixed
# name would collide.
resource "aws_lb_target_group" "web" {
  name_prefix          = "site-"
  port                 = var.port
  protocol             = "HTTP"
  vpc_id               = var.network_id
  deregistration_delay = 30
  tags                 = local.tags

  health_check {
    path                = var.health_path
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"
  tags              = local.tags

  default_action {
    type             = var.certificate == null ? "forward" : "redirect"
    target_group_arn = var.certificate == null ? aws_lb_target_group.web.arn : null

    dynamic "redirect" {
      for_each = var.certificate == null ? [] : [1]
      content {
        port        = "443"
        protocol    = "HTTPS"
        status_code = "HTTP_301"
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count = var.certificate == null ? 0 : 1

  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

resource "aws_autoscaling_group" "web" {
  name                      = var.name
  min_size                  = var.scaling.min
  max_size                  = var.scaling.max
  vpc_zone_identifier       = var.private_subnet_ids
  target_group_arns         = [aws_lb_target_group.web.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 300
  wait_for_capacity_timeout = "15m"

  # A number and not "$Latest": only a new number starts the refresh that brings a change to what runs.
  launch_template {
    id      = aws_launch_template.web.id
    version = aws_launch_template.web.latest_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      instance_warmup        = 120
    }
  }

  dynamic "tag" {
    for_each = local.tags
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false # the launch template tags instances and volumes
    }
  }

  # A target group belongs to no balancer, and its targets are not checked, until a listener names it. Instances
  # need the whole role when they start.
  depends_on = [
    aws_lb_listener.http,
    aws_lb_listener.https,
    aws_iam_role_policy.bucket,
    aws_iam_role_policy_attachment.session_manager,
  ]
}

resource "aws_autoscaling_policy" "cpu" {
  count = var.scaling.max > var.scaling.min ? 1 : 0

  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.web.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 60

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
