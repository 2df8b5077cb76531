#!/bin/bash
# the tutorial
chmod 400 12c0d092d679-key-pair.pem
ssh -i "12c0d092d679-key-pair.pem" ec2-user@ec2-3-81-111-233.compute-1.amazonaws.com
sudo yum install java-1.8.0
sudo pacman -S --noconfirm jq
wget https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz
tar -xzf kafka_2.12-2.8.1.tgz
cd kafka_2.12-2.8.1/libs
wget https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar
export CLASSPATH=/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar
echo 'export CLASSPATH=/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar' >> ~/.bashrc
source ~/.bashrc
cd ../bin
nano client.properties
BOOTSTRAP="b-1.x.kafka.us-east-1.amazonaws.com:9098,b-2.x.kafka.us-east-1.amazonaws.com:9098"
./kafka-topics.sh --bootstrap-server $BOOTSTRAP --command-config client.properties --create --topic 12c0d092d679.pin
./kafka-topics.sh --bootstrap-server $BOOTSTRAP --command-config client.properties --create --topic 12c0d092d679.geo --partitions 3 --replication-factor 2
./kafka-topics.sh --bootstrap-server $BOOTSTRAP --list
cat > /tmp/x.conf <<'E'
a = "1"
b: {{ c }}
E
for t in a b; do
  echo $t $BOOTSTRAP
done
sudo -u ec2-user -i
mkdir kafka-connect-s3 && cd kafka-connect-s3
wget https://d1i4a15mxbxib1.cloudfront.net/api/plugins/confluentinc/kafka-connect-s3/versions/10.0.3/confluentinc-kafka-connect-s3-10.0.3.zip
aws s3 cp ./confluentinc-kafka-connect-s3-10.0.3.zip s3://user-12c0d092d679-bucket/kafka-connect-s3/
aws s3 rm --region us-east-1 s3://user-12c0d092d679-bucket/old.zip
sudo wget https://packages.confluent.io/archive/7.2/confluent-7.2.0.tar.gz
sudo systemctl daemon-reload
sudo systemctl enable --now kafka
sudo useradd -r -s /sbin/nologin kafka
sudo fallocate -l 2G /swapfile
sudo chmod 600 /swapfile
sudo mkswap /swapfile
sudo swapon /swapfile
echo '/swapfile none swap sw 0 0' | sudo tee -a /etc/fstab
sudo dd if=/dev/zero of=/mnt/swap.1 bs=128M count=16
sudo swapon --show
ps aux | grep kafka
docker run -d --name console -p8080:8080 --restart=unless-stopped -e KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS=$BOOTSTRAP provectuslabs/kafka-ui:v0.7.2
